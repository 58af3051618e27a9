"""Other right versions of the exercises on attention: every suite accepts them."""
