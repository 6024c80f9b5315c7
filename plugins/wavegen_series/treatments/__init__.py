"""What is done to a series before it is looked at, without a look ahead."""
