"""What decides which job comes next: one paper a file, `base` for what all of them share."""
