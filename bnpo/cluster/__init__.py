"""Work on other machines, through Ray (extra ``ray``)."""
