"""What people ask of option chains: stored documents in, analysed answers out."""
