"""How good forecasts are: measures, simple methods to beat, back-tests and their reports."""
