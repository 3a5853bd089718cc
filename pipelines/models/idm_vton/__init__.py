"""IDM-VTON: try-on with SDXL, a garment UNet and the garment as image prompt."""
