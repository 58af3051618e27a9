"""The trusted side of isolation: tiers, the image, the fork server's client, the wire."""
