"""The way in for data and the graph: manifest, readers, cleaning, ontology, store."""
