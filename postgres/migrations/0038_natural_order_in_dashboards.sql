-- Grafana's role may use what stands in the schema grafana alone: the order in which people count,
-- once more, for the dashboards' lists of robots.
-- depends: 0032_natural_order
CREATE COLLATION grafana.natural_order FROM natural_order;
