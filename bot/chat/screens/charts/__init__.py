"""What happened as drawings: numbers to SVG, pure. The same ones stand on the page and go out as pictures."""
