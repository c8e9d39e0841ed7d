"""What pages are made of: drawings, markup, style; pure."""
