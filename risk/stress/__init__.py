"""What a book would lose: named shocks, replays of what happened, and thousands of drawn days."""
