"""The networks of COVID-MTL and those it was compared with."""
