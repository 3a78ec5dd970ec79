"""What follows from a config: every container, volume, address and route, as frozen values."""

from pulumi_tts.plan.edge import DashboardPlan, EdgePlan, plan_edge
from pulumi_tts.plan.fleet import Place
from pulumi_tts.plan.guard import GuardedInstance, GuardPlan, PoolGuardPlan
from pulumi_tts.plan.images import Build, Image, base_image
from pulumi_tts.plan.mps import MpsDaemon, plan_mps
from pulumi_tts.plan.placement import Placement
from pulumi_tts.plan.pools import Instance, PoolPlan, plan_pool
from pulumi_tts.plan.routes import HealthCheck, Route, route_from
from pulumi_tts.plan.stack import HostPlan, StackPlan, plan_pool_alone, plan_stack
from pulumi_tts.plan.survey import Survey
from pulumi_tts.plan.tidy import plan_tidy
from pulumi_tts.plan.weights import plan_fill

__all__ = [
    "Build",
    "DashboardPlan",
    "EdgePlan",
    "GuardPlan",
    "GuardedInstance",
    "HealthCheck",
    "HostPlan",
    "Image",
    "Instance",
    "MpsDaemon",
    "Place",
    "Placement",
    "PoolGuardPlan",
    "PoolPlan",
    "Route",
    "StackPlan",
    "Survey",
    "base_image",
    "plan_edge",
    "plan_fill",
    "plan_mps",
    "plan_pool",
    "plan_pool_alone",
    "plan_stack",
    "plan_tidy",
    "route_from",
]
