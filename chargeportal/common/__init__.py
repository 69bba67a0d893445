"""What every app stands on and no app owns: money, units, periods. Imports no app."""
