"""Answers the pages: one module for each part of the navigation. They read, or do one thing through the client."""
