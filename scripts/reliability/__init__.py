"""What the program must withstand: kills at any moment, company, and broken or hostile files."""
