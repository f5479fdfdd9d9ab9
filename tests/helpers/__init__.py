"""What several test modules make for themselves: comments, tiny encoders, trained smoke checkpoints."""
