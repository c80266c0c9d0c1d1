"""The HTTP and WebSocket face of the desk, and its dashboard."""
