"""The application: settings, composition root, sessions and the command line."""
