"""The client for OpenAI-compatible models: deadlines, repair, abstention."""
