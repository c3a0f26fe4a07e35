"""Reads budgets: known scopes, their usage, explanations, audits. Changes nothing."""
