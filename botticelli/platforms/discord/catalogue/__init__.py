"""The commands of Discord as data (catalogue.toml), and the reference page that is made from them."""
