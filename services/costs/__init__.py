"""Money: what things cost, what was spent, and what would be cheaper."""
