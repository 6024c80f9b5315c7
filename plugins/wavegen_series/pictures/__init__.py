"""Pictures of series and of their forecasts."""
