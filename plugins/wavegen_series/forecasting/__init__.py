"""A trained model as a way of forecasting: paths, calibration, other doors to uncertainty."""
