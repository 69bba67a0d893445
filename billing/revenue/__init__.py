"""What sessions earn and cost: figures by period, place, tariff, price group and way of paying."""
