"""Files written whole, arrays on the disk, locks."""
