"""The computations behind the classroom pages, one module a lesson."""
