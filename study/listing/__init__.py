"""What there is: experiments, data sets, learners and their settings, on the terminal."""
