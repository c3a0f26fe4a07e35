"""Words notices: a thin JSON body for programs, text for people, bodies for chat services. Pure."""
