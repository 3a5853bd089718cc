"""What the backends of hosted services share: keys, addresses, calls, pictures, a job's life."""
