"""The forges whose CI jobs run the product, through their environment and their REST APIs."""
