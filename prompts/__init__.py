"""One Markdown file per role and task, and the loader that refuses unknown placeholders."""
