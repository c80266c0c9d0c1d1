"""The words of the desk: frozen values with no dependency outside the standard library."""
