"""keeper, the program beside the guard: it knows where instances are, takes them out of rotation and back, restarts
them when they are sick or when it is time, and says what it sees.

What it does, module by module: `pools` reads what the plan says; `addresses` finds where the instances are;
`rotation` tells Envoy, instance by instance; `guard` reads what Envoy sees; `turns` lets one instance of a pool be out
at a time; `drains` takes instances out and back; `control` lets `python3 -m keeper drain` ask for that.
"""
