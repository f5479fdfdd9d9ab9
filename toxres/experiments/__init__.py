"""Long experiments that notebooks and tables read the results of."""
