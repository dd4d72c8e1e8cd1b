"""How bytes arrive, one transport a file; a link calls back and never imports the application."""
