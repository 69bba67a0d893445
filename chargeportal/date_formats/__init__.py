"""How the admin writes dates in each language; Django finds the modules by FORMAT_MODULE_PATH."""
