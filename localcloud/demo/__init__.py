"""The demo: the product's main job through its public doors, told step by step."""
