"""Times this program beside what a person would otherwise use."""
