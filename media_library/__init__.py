"""Files people upload, and the forms that platforms take of them."""
