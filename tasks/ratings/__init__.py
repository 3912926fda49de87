"""Ratings in: the services, a user's CSV file, ids."""
