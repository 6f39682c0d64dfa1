"""Planning: from a use case to sizes, hours, memory and money."""
