"""What a narrative is read from: texts under caps, media, the environment; and the problems found in it, with places."""
