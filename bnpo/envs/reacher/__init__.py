"""The planar Reacher in MuJoCo: with a goal for its fingertip, and with twenty moving arms."""
