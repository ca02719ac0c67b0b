"""Pages on who may do what: accounts, teams, roles."""
