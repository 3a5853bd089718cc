"""SieveNet: three small networks of 2020 at 192x256, of historical interest."""
