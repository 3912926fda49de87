"""Read ratings from the services or a user's CSV file into the lake."""
