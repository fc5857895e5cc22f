"""What may be done with connected accounts and the grants behind them: every decision and every write."""
