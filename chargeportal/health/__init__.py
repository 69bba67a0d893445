"""Whether the product works: `/healthz/` for load balancers and `/metrics` for Prometheus."""
