"""What a person may do: pause, resume, cancel and retry runs, approve effects, pause budgets, forget old runs."""
