"""Check: judge every rule once, through Great Expectations."""
